"""{{name}}: greets whoever a task names.

A component is a function from a task to bytes. Every operator runs it for itself and signs what it returns, so the same task must give the same bytes
everywhere: keep time, randomness, secrets and whatever changes from one moment to the next out of them.
"""

from tandem import Task, config, invalid_input, log

# Longest name, in characters.
NAME_MAX = 100


def run(task: Task) -> str:
    name = name_in(task.text())
    log.info(f"greeting {name}")
    return f"{config.require('greeting')}, {name}!"


def name_in(text: str) -> str:
    """Inputs come from anyone: what cannot be computed is refused, with a sentence for people."""
    name = text.strip()
    if not name:
        raise invalid_input("the name is empty")
    if len(name) > NAME_MAX:
        raise invalid_input(f"the name is longer than {NAME_MAX} characters")
    return name
