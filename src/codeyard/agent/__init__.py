"""The deployment agent of a host: polls for commands, fetches bundles, installs files, runs hooks. Its own process."""
