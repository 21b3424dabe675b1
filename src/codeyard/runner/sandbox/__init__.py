"""The sandbox of a build: namespaces made by us, closed by bubblewrap, with a seccomp filter of our own."""
