#!/usr/bin/env bash
# A PulseAudio server of its own, without a sound card: what is played into its null sink is heard from the sink's
# monitor, which is the default source. To PortAudio it is the device "pulse".
#
#   eval "$(tests/pulseaudio.sh start FOLDER)"    FOLDER holds socket, log and process id; the variables lead clients there
#   paplay speech.wav & workbench live
#   pactl unload-module module-null-sink          the device is unplugged
#   tests/pulseaudio.sh stop FOLDER
#
# Debian: apt-get install libportaudio2 libasound2-plugins pulseaudio pulseaudio-utils
set -euo pipefail

start() {
  mkdir -p "$1" && chmod 700 "$1"
  local folder; folder=$(cd "$1" && pwd)
  local socket=$folder/pulse.sock
  rm -f "$socket"
  cat >"$folder/start.pa" <<END
load-module module-native-protocol-unix auth-anonymous=1 socket=$socket
load-module module-null-sink sink_name=speaker rate=16000 channels=1 sink_properties=device.description=Speaker
set-default-sink speaker
set-default-source speaker.monitor
END
  XDG_RUNTIME_DIR=$folder setsid pulseaudio -n -F "$folder/start.pa" --exit-idle-time=-1 --daemonize=no \
    --use-pid-file=no --log-target="file:$folder/pulseaudio.log" </dev/null >"$folder/output" 2>&1 &
  local pid=$!
  echo $pid >"$folder/pid"
  until XDG_RUNTIME_DIR=$folder PULSE_SERVER=unix:$socket pactl info >/dev/null 2>&1; do
    kill -0 $pid 2>/dev/null || { cat "$folder/output" "$folder/pulseaudio.log" >&2; return 1; }
    sleep 0.05
  done
  echo "export XDG_RUNTIME_DIR='$folder' PULSE_SERVER='unix:$socket'"
}

case ${1:-} in
start) start "${2:?a folder}" ;;
stop) kill "$(cat "${2:?a folder}/pid")" ;;
*) echo "usage: $0 start|stop FOLDER" >&2; exit 2 ;;
esac
