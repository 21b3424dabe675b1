"""Pure rules of CodePipeline: no clock, no randomness, no I/O."""
