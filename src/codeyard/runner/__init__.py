"""The build runner: a process apart that claims builds over HTTP and runs each in a sandbox of its own."""
