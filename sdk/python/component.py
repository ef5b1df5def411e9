"""What componentize-py makes the component of: the world's `run` around the one of `src/app.py`."""

import traceback

import app
import wit_world
from componentize_py_types import Err
from wit_world.imports.tandem_service_types import Error, ErrorKind, Output
from wit_world.imports.tandem_service_types import Task as WitTask

from tandem import ServiceError, Task, log, to_bytes


class WitWorld(wit_world.WitWorld):
    def run(self, task: WitTask) -> Output:
        try:
            return Output(to_bytes(app.run(Task(task.input, task.id, task.workflow))))
        except ServiceError as error:
            raise Err(Error(ErrorKind[error.kind.name], str(error))) from None
        except Exception as error:
            for line in traceback.format_exception(error):
                log.error(line.rstrip())
            raise Err(Error(ErrorKind.FAILED, f"{type(error).__name__}: {error}")) from None
