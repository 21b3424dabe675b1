"""All SQL of CodePipeline, by noun. A pipeline's rows hang on its uid, so a name that is used again starts afresh."""
