"""What programs elsewhere ask of the engines, over HTTP and WebSocket. docs/server.md says how they are asked.

Everything here but `limits` and `access` imports packages of the extra "server": import it when serving.
"""
