"""Does what every language has to be able to do: see ../rust/src/lib.rs, which takes the same verbs."""

from typing import Optional

from tandem import ErrorKind, ServiceError, Task, config, http, invalid_input, log, secrets, store


def run(task: Task) -> "str | bytes":
    if task.input.startswith(b"echo "):
        return task.input[len(b"echo ") :]
    match task.text().split(" "):
        case ["task"]:
            return f"{len(task.id)} {task.workflow}"
        case ["config", key]:
            return config.require(key)
        case ["secret", name]:
            return str(len(secrets.get(name)))
        case ["leak", name]:
            log.warn(secrets.get(name))
            raise ServiceError(ErrorKind.FAILED, secrets.get(name))
        case ["log", *words]:
            log.warn(" ".join(words))
            return ""
        case ["error", kind]:
            raise ServiceError(ErrorKind(kind), "told so")
        case ["get", url]:
            return http.get(url).ok().body
        case ["post", url, body]:
            return http.post(url, body).ok().body
        case ["count", key]:
            return str(store.increment(key, 2))
        case ["swap", key, expected, new]:
            return str(store.compare_and_swap(key, value(expected), value(new))).lower()
        case ["recall", key]:
            return store.get(key) or b"nothing"
        case ["spin"]:
            while True:
                pass
        case ["output", length]:
            return "x" * int(length)
        case _:
            raise invalid_input("unknown verb")


def value(word: str) -> Optional[bytes]:
    """`-` stands for no value."""
    return None if word == "-" else word.encode()
