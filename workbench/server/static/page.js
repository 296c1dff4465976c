// Sends the microphone to /v1/listen, and shows the captions that come back.

import { Captions, followEnd } from "./captions.js";
import { openMicrophone, Refusal } from "./microphone.js";

const MOST_WAITING_S = 2; // of audio that is not sent yet; more is left out
const QUIETEST_DB = 60; // below full scale: where the input level begins
const LOADING_MS = 2000; // between two looks whether the server has loaded its engines
const TOKEN = "workbench-token"; // its key, in the storage that ends with the tab
const TOKENS = /^[\w.~-]+$/; // others could not be sent
const COMMON = ["en", "zh", "es", "fr", "de", "ja", "ko", "pt", "ru", "it", "ar", "hi"];
const NEEDED = "This server asks for a token. Whoever runs it can tell you.";
const REFUSED = "The server refused the token. Enter the one that the server has.";
const SILENT = "The server does not answer. It was stopped, or the network is down.";

const at = (id) => document.getElementById(id);
const names = new Intl.DisplayNames(["en"], { type: "language" });
let offered = { languages: null, pairs: [], language: null };
let state = "waiting";
let stop = () => {}; // ends what goes on in this state

// what is shown

const STATES = {
  waiting: { says: "Not connected", button: "Start" },
  idle: { says: "Ready", button: "Start" },
  asking: { says: "Waiting for the microphone", button: "Start" },
  connecting: { says: "Connecting", button: "Cancel" },
  listening: { says: "Listening", button: "Stop" },
  finishing: { says: "Finishing", button: "Stop now" },
};

function enter(next, says = STATES[next].says) {
  state = next;
  document.body.dataset.state = next;
  if (at("state").textContent !== says) at("state").textContent = says; // else it would be read aloud again
  at("listen").textContent = STATES[next].button;
  at("listen").disabled = next === "waiting";
  at("choices").disabled = next !== "idle";
  if (next === "listening") return;
  showInput(0);
  showSpeaking(false);
}

function showInput(level) {
  const share = level > 0 ? Math.max(0, 1 + (20 * Math.log10(level)) / QUIETEST_DB) : 0;
  at("level").ariaValueNow = Math.round(100 * share);
  at("level").firstElementChild.style.width = `${100 * share}%`;
}

function showSpeaking(speaks) {
  at("speaking").dataset.speaking = speaks;
  at("speaking").textContent = speaks ? "Speech" : "Silence";
}

/** With a button that does something about it, where there is something to do. */
function showProblem(text, label = "", act = null) {
  const [message, button] = at("problem").children;
  message.textContent = text;
  button.hidden = act === null;
  button.textContent = label;
  button.onclick = () => {
    at("listen").focus(); // this one goes
    act();
  };
}

function fill(select, choices, chosen) {
  select.replaceChildren(...choices.map(([value, text]) => new Option(text, value, false, value === chosen)));
}

function named(tags) {
  const all = tags.map((tag) => [tag, names.of(tag.replace("_", "-")) ?? tag]);
  return all.sort((a, b) => a[1].localeCompare(b[1]));
}

function showTargets() {
  const source = at("language").value;
  const sources = offered.pairs?.filter(([from]) => !source || base(from) === base(source)).map(([, into]) => into);
  const targets = [...new Set(sources ?? offered.languages ?? COMMON)].filter((tag) => tag !== source);
  fill(at("translate"), [["", "No translation"], ...named(targets)], at("translate").value);
}

const base = (tag) => tag.split("-")[0].toLowerCase();

// what the server has

function ask(path) {
  const token = sessionStorage.getItem(TOKEN);
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  return fetch(new URL(path, document.baseURI), { headers, cache: "no-store" });
}

function askForToken(why = sessionStorage.getItem(TOKEN) ? REFUSED : NEEDED) {
  sessionStorage.removeItem(TOKEN);
  at("access").hidden = false;
  enter("waiting");
  showProblem(why);
  at("token").focus();
}

/** Learn what there is to choose from; until then nothing can be started. */
async function look(says = "Connecting") {
  showProblem("");
  enter("waiting", says);
  const answer = await ask("v1/languages").catch(() => null);
  if (answer?.ok) {
    offered = await answer.json();
    showOffered();
    return;
  }
  const error = await answer?.json().then((body) => body.error);
  if (answer?.status === 401) askForToken();
  else if (answer?.status === 503) waitFor(error);
  else {
    enter("waiting");
    showProblem(error ? sentence(error) : SILENT, "Try again", look);
  }
}

function waitFor({ message }) {
  const says = `Not ready: ${message}`;
  enter("waiting", says);
  setTimeout(() => look(says), LOADING_MS);
}

function showOffered() {
  const { languages, language } = offered;
  const spoken = named(languages ?? COMMON);
  const open = language === null && languages?.length !== 1;
  fill(at("language"), open ? [["", "Automatic"], ...spoken] : spoken, language ?? at("language").value);
  showTargets();
  enter("idle");
  if (!at("access").hidden) at("listen").focus();
  at("access").hidden = true;
}

// stream

function connect(rate) {
  const url = new URL("v1/listen", document.baseURI);
  url.protocol = url.protocol.replace("http", "ws");
  const [language, translate] = [at("language").value, at("translate").value];
  const query = { sample_rate: rate, encoding: "pcm_s16le", stages: translate ? "vad,asr,translation" : "vad,asr" };
  url.search = new URLSearchParams({ ...query, ...(language && { language }), ...(translate && { translate }) });
  const token = sessionStorage.getItem(TOKEN);
  return new WebSocket(url, token ? ["workbench", `bearer.${token}`] : ["workbench"]);
}

/** Sends what the microphone gives, unless too much waits; that is counted. */
function sendFrom(microphone, socket) {
  const bytesPerSecond = 2 * microphone.rate;
  let leftOut = 0; // bytes
  microphone.port.onmessage = ({ data: { buffer, level } }) => {
    showInput(level);
    if (socket.readyState !== WebSocket.OPEN) return;
    if (socket.bufferedAmount <= MOST_WAITING_S * bytesPerSecond) {
      socket.send(buffer);
      return;
    }
    leftOut += buffer.byteLength;
    const seconds = (leftOut / bytesPerSecond).toFixed(1);
    at("notice").textContent = `The connection is too slow: ${seconds} s of audio were left out.`;
  };
}

/** Shows what the server says until it closes, as it does after done. Gives that event, and the error that led to it. */
function follow(socket, captions, begin) {
  let fatal = null;
  const tell = {
    ready: begin,
    speech_started: () => showSpeaking(state === "listening"),
    speech_ended: () => showSpeaking(false),
    error: (event) => {
      if (event.severity === "fatal") fatal = event;
      else at("notice").textContent = sentence(event);
    },
  };
  socket.onmessage = ({ data }) => {
    const event = JSON.parse(data);
    captions.take(event);
    tell[event.type]?.(event);
  };
  return new Promise((resolve) => (socket.onclose = (closing) => resolve({ closing, fatal })));
}

/** From start to end: what was opened is closed whatever happens. */
async function listen() {
  showProblem("");
  at("notice").textContent = "";
  stop = () => {};
  enter("asking");
  const captions = new Captions(at("finals"), at("interims"));
  let microphone = null;
  try {
    microphone = await openMicrophone(at("echo").checked, at("noise").checked);
    await stream(microphone, captions);
  } catch (error) {
    if (!(error instanceof Refusal)) {
      showProblem(`The page failed: ${error.message}`, "Load it again", () => location.reload());
      throw error;
    }
    showProblem(error.message, "Try again", listen);
  } finally {
    captions.end();
    microphone?.close();
    if (state !== "waiting") enter("idle");
  }
}

async function stream(microphone, captions) {
  const socket = connect(microphone.rate);
  let gaveUp = false;
  let gone = false; // the microphone
  function giveUp() {
    gaveUp = true;
    socket.close(1000);
  }
  function finish() {
    microphone.close();
    microphone.port.onmessage = null;
    socket.send(JSON.stringify({ type: "stop" }));
    stop = giveUp;
    enter("finishing");
  }
  function begin() {
    stop = finish;
    sendFrom(microphone, socket);
    enter("listening");
  }
  microphone.track.onended = () => {
    gone = true;
    stop();
  };
  stop = giveUp;
  enter("connecting");
  const { closing, fatal } = await follow(socket, captions, begin);
  if (gone) showProblem("The microphone is gone. Plug it in, then start again.");
  else if (!gaveUp && closing.code !== 1000) await explain(closing, fatal);
}

async function explain(closing, fatal) {
  if (closing.code === 1006) {
    await explainLoss();
    return;
  }
  const why = fatal ? sentence(fatal) : closing.reason && `${closing.reason}.`;
  const said = {
    1001: "The server was stopped.",
    1008: `The server ended the stream: ${why}`,
    1011: `The server failed: ${why}`,
    1012: "The server was stopped.",
    1013: `The server has no room now: ${why} Try again in a moment.`,
  };
  showProblem(said[closing.code] ?? `The server ended the stream (${closing.code}). ${why}`, "Reconnect", listen);
}

/** Browsers do not tell why a connection was refused or broke. */
async function explainLoss() {
  const answer = await ask("v1/languages").catch(() => null);
  if (answer?.status === 401) {
    askForToken();
    return;
  }
  showProblem(`The connection was lost. ${answer ? "The server answers again." : SILENT}`, "Reconnect", listen);
}

function sentence({ message, hint }) {
  return `${message[0].toUpperCase()}${message.slice(1)}. ${hint ?? ""}`.trim();
}

// what the user does

function press() {
  if (state === "idle") listen();
  else stop();
}

at("listen").addEventListener("click", press);
at("language").addEventListener("change", showTargets);
at("settings").addEventListener("submit", (event) => {
  event.preventDefault();
  const token = at("token").value.trim();
  at("token").value = "";
  if (!TOKENS.test(token)) {
    askForToken(REFUSED);
    return;
  }
  sessionStorage.setItem(TOKEN, token);
  look();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.ctrlKey && !at("listen").disabled) press();
});

followEnd(at("captions"), at("finals"), at("interims"));
look();
