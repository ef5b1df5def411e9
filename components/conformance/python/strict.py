"""A `strict` component: a polynomial of the input, with what a language might take from the world beside it."""

import math
import random

from tandem import Task, config, log


def run(task: Task) -> dict:
    numbers = task.json()
    log.info(f"{len(numbers)} numbers")
    total = sum(number * math.sqrt(power + 1) for power, number in enumerate(numbers))
    words = {str(number) for number in numbers}
    return {"sum": total, "set": list(words), "random": random.random(), "unit": config.get("unit")}
