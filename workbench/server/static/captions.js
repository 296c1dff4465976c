// What was said, as the events of one stream tell it. Text that may still change stands outside of what is read aloud.

export class Captions {
  #interims = new Map(); // by segment: {element, start}
  #finals = new Map(); // by segment and start: the element
  #newest = -1; // segment that has final text

  constructor(finals, interims) {
    this.finals = finals;
    this.interims = interims;
  }

  take(event) {
    if (event.type === "transcript") this.#takeTranscript(event.transcript);
    else if (event.type === "translation") this.#takeTranslation(event.transcript, event.translation);
    else if (event.type === "progress") this.#dropBefore(event.position);
  }

  /** The stream is over: text that nothing final came for stays, as what it is. */
  end() {
    for (const { element } of this.#interims.values()) this.finals.append(element);
    this.#interims.clear();
  }

  #takeTranscript(transcript) {
    const { segment_id: id, text, is_final: isFinal } = transcript;
    if (!isFinal && id <= this.#newest) return; // out of date
    const before = this.#interims.get(id)?.element;
    if (isFinal) this.#newest = id;
    if (isFinal || !text.trim()) this.#drop(id);
    if (!text.trim()) return;
    if (isFinal) this.#addFinal(transcript, before);
    else this.#showInterim(transcript, before);
  }

  #addFinal({ segment_id: id, text, language, start }, before) {
    const element = caption("caption");
    write(element.children[0], text, language);
    if (before) element.replaceChild(before.children[1], element.children[1]);
    this.#finals.set(`${id} ${start}`, element);
    this.finals.append(element);
  }

  #showInterim({ segment_id: id, text, language, start }, before) {
    const element = before ?? caption("caption interim");
    write(element.children[0], text, language);
    this.#interims.set(id, { element, start });
    if (!before) this.interims.append(element);
  }

  #takeTranslation({ segment_id: id, start }, { text, language, is_final: isFinal }) {
    const element = isFinal ? this.#finals.get(`${id} ${start}`) : this.#interims.get(id)?.element;
    if (!element) return;
    const translation = element.children[1];
    const isLater = isFinal && translation.className === "translation"; // final ones may come in parts
    write(translation, isLater ? `${translation.textContent} ${text}` : text, language);
    translation.className = isFinal ? "translation" : "translation interim";
    translation.ariaHidden = isFinal ? null : "true";
  }

  #dropBefore(position) {
    for (const [id, { start }] of this.#interims) if (start < position) this.#drop(id);
  }

  #drop(id) {
    this.#interims.get(id)?.element.remove();
    this.#interims.delete(id);
  }
}

function caption(className) {
  const element = document.createElement("div");
  element.className = className;
  for (const name of ["source", "translation interim"]) {
    const text = document.createElement("p");
    text.className = name;
    text.dir = "auto";
    element.append(text);
  }
  return element;
}

function write(element, text, language) {
  element.lang = language;
  element.textContent = text;
}

/** Keeps the end of `parts` in view, unless the user has scrolled away from it. */
export function followEnd(frame, ...parts) {
  let follows = true;
  const observer = new ResizeObserver(() => {
    if (follows) frame.scrollTop = frame.scrollHeight;
  });
  for (const element of [frame, ...parts]) observer.observe(element);
  frame.addEventListener("scroll", () => {
    follows = frame.scrollHeight - frame.scrollTop - frame.clientHeight < 40;
  });
}
