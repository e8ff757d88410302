"""``TextGen-RelationExtraction-v0``: write what a sentence states as triples."""

from __future__ import annotations

from textgym.envs.task import Task
from textgym.envs.text_env import TextGenEnv


class RelationExtractionEnv(TextGenEnv):
    """Write what a sentence states as triples of subject, relation and object.

    ## Description
    A sentence of a Wikipedia article is given. The agent writes the one to three facts that it states, one token at a
    time, in the order of their objects: `Leeds | is a | city; Leeds | located in | West Yorkshire`. Subject and object
    are words of the sentence, the relation is one of a closed set (`is a`, `located in`, `nationality`, `occupation`,
    `capital of`, `also known as`, `branch of`, `symbol`, ...; the data's card lists them). To generate triples as text
    goes back to REBEL (Huguet Cabot and Navigli, 2021).

    ## Rewards
    0.0 for every token but the last; at the end of the episode the weighted sum of the reward functions, by default
    `triple_f1`: the F1 of whole triples, in [0, 1]. The judge that evaluation adds is `all_triples`, all triples in
    order and nothing else; it also reports precision and recall over all sentences together.

    ## Arguments
    See `TextGenEnv` for all of them. The default data set, `"relation_extraction"`, has the splits `train`,
    `validation` and `test`, which share no article, and the columns `prompt`, `reference`, `relations` and `title`.
    `"relation_extraction_synthetic"` has invented sentences whose entities the splits do not share.

    ```python
    import gymnasium as gym
    import textgym

    env = gym.make("TextGen-RelationExtraction-v0", dataset="relation_extraction_synthetic")
    ```

    ## References
    - P.-L. Huguet Cabot and R. Navigli (2021), REBEL: Relation Extraction By End-to-end Language generation,
      https://aclanthology.org/2021.findings-emnlp.204

    ## Version History
    - v0: initial version
    """

    task = Task(
        id="TextGen-RelationExtraction-v0",
        dataset="relation_extraction",
        prompt_template="{prompt}\nTriples:",
        reward_funcs="triple_f1",
        max_prompt_tokens=96,
        max_new_tokens=56,
        gold="all_triples",
        metrics=("triples",),
    )
