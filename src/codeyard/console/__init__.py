"""The web console: server-rendered pages. Every action enters the gateway as the signed-in principal."""
