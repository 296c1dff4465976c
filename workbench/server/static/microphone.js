// Opens the microphone, or says why it cannot be.

const REASONS = {
  NotAllowedError: "The browser keeps the microphone from this page. Allow it beside the address, then start again.",
  NotFoundError: "There is no microphone. Plug one in, then start again.",
  NotReadableError: "The microphone cannot be opened: another program may use it. Close that, then start again.",
};

/** Its message is for the user as it stands. */
export class Refusal extends Error {}

/** The port its chunks come from, its rate in hertz, its track, and what closes it. Throws `Refusal`. */
export async function openMicrophone(echoCancellation, noiseSuppression) {
  if (!navigator.mediaDevices) {
    throw new Refusal("Browsers give the microphone only to pages of this machine (http://localhost) or with HTTPS.");
  }
  const audio = { echoCancellation, noiseSuppression, autoGainControl: true };
  let media;
  try {
    media = await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    throw new Refusal(REASONS[error.name] ?? `The microphone cannot be used: ${error.message}`);
  }
  return connected(media);
}

/** Nothing is heard of it, but only what is connected to the destination is sure to run. */
async function connected(media) {
  const context = new AudioContext();
  let closing = null;
  function close() {
    for (const track of media.getTracks()) track.stop();
    closing ??= context.close();
    return closing;
  }
  try {
    await context.audioWorklet.addModule(new URL("processor.js", import.meta.url)).catch(() => {
      throw new Refusal("The server does not answer.");
    });
    await context.resume();
    const how = { channelCount: 1, channelCountMode: "explicit" };
    const node = new AudioWorkletNode(context, "microphone", how);
    context.createMediaStreamSource(media).connect(node).connect(context.destination);
    return { port: node.port, rate: context.sampleRate, track: media.getAudioTracks()[0], close };
  } catch (error) {
    await close();
    throw error;
  }
}
