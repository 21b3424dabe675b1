"""The doors of git: over HTTP, over SSH, and Git LFS; each request is a GitPull or a GitPush through the gateway."""
