"""``TextGen-NER-v0``: write the entities of a sentence with their types."""

from __future__ import annotations

from textgym.envs.task import Task
from textgym.envs.text_env import TextGenEnv


class NEREnv(TextGenEnv):
    """Write the people, places and organisations that a sentence names, with their types.

    ## Description
    A sentence of a Wikipedia article is given. The agent writes its entities in the order of the sentence, one token at
    a time: `PER: Ada Lovelace; LOC: London`, or `none`. Types are `PER` (people), `LOC` (places, states among them) and
    `ORG` (organisations), as in CoNLL-2003 (Tjong Kim Sang and De Meulder, 2003) without its `MISC`: nationalities,
    languages, months, works and events are no entities. An entity that is named twice is written twice.

    ## Rewards
    0.0 for every token but the last; at the end of the episode the weighted sum of the reward functions, by default
    `entity_f1`: the F1 of the typed entities, in [0, 1], for which type and words must both be right. The judge that
    evaluation adds is `all_entities`, all entities and nothing else; it also reports precision, recall, and the F1 of
    each type over all sentences together.

    ## Arguments
    See `TextGenEnv` for all of them. The default data set, `"ner"`, has the splits `train`, `validation` and `test`,
    which share no article, and the columns `prompt`, `reference`, `types` (of the entities), `title` and `source`
    (`silver`: labelled by rules). `"ner_synthetic"` has invented sentences whose entities the splits do not share.

    ```python
    import gymnasium as gym
    import textgym

    env = gym.make("TextGen-NER-v0", dataset="ner_synthetic")
    ```

    ## References
    - E. Tjong Kim Sang and F. De Meulder (2003), Introduction to the CoNLL-2003 Shared Task: Language-Independent Named
      Entity Recognition, https://aclanthology.org/W03-0419
    - H. Nakayama (2018), seqeval, https://github.com/chakki-works/seqeval

    ## Version History
    - v0: initial version
    """

    task = Task(
        id="TextGen-NER-v0",
        dataset="ner",
        prompt_template="{prompt}\nEntities:",
        reward_funcs="entity_f1",
        max_prompt_tokens=88,
        max_new_tokens=40,
        gold="all_entities",
        metrics=("entities",),
        grammar="entities",
    )
