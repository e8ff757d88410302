"""The tasks, one file each: a module here that defines a `TextGenEnv` with a ``task`` is found by itself."""

# as the documents list them; a module that is not named here comes after these, in alphabetical order
ORDER = (
    "sentiment", "classification", "qa", "ner", "relation_extraction", "summarization", "translation", "dialogue",
    "data_to_text", "recommendation", "arithmetic", "reasoning_gym", "solvable",
)  # fmt: skip
