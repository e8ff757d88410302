"""Rewards that a model, a lexicon or an API gives: they judge what no rule can compare."""
