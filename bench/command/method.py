"""The method behind a command: a pair is written as files, the program runs, its frames are read back."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from bench.command.config import PLACEHOLDERS, CommandConfig
from bench.command.process import run_program
from bench.driving import rgb_tensor, uint8_frames
from bench.exchange.case import write_case
from bench.exchange.predictions import Prediction, read_folder
from datasets.base import FrameStack
from datasets.errors import GenerationError, MissingInputError, SuiteError
from methods.base import AnimateOptions, Method

if TYPE_CHECKING:
    from torch import Tensor

    from datasets.base import Trial
    from methods.base import Batch, Driving


class CommandMethod(Method):
    """Runs ``config.command`` for each pair. It has no networks here and is not trained.

    Attributes:
        logs: folder for the program's output, one file a pair; None: it is thrown away when all went well.
    """

    config: CommandConfig
    logs: Path | None = None

    def __init__(self, config: CommandConfig) -> None:
        super().__init__(config)
        self.seed = torch.initial_seed() % 2**31  # the engine makes a method under the run's seed

    # -- what the result depends on ----------------------------------------------------------------------------------
    @property
    def folder(self) -> Path:
        """The program's working directory."""
        if self.config.folder:
            return Path(self.config.folder).expanduser().absolute()
        module = sys.modules[type(self).__module__].__file__
        return Path(module or ".").resolve().parent

    def training_inputs(self) -> Mapping[str, Path]:
        """The files that the config names: frames of another script or checkpoint are other frames."""
        found = {name: self.folder / Path(name).expanduser() for name in self.config.files}
        for name, path in found.items():
            if not path.is_file():
                raise MissingInputError(
                    f"the file {name} of {self.spec.name} is not at {path}", "see its config's files"
                )
        return found

    # -- running -----------------------------------------------------------------------------------------------------
    def predict(self, trial: Trial, mode: str, scratch: Path) -> Prediction:
        """Run the program on an opened pair.

        Args:
            scratch: empty folder for the pair's files and the program's frames.

        Raises:
            GenerationError: it failed, timed out, or left a file that is no frame of the pair.
        """
        needs, photo = self.spec.needs, trial.source
        source = FrameStack(photo.rgb, {kind: photo.annotations[kind] for kind in sorted(needs)})
        count = write_case(scratch / "case", source, trial.driving.stream(needs))
        return self._run(scratch, trial.pair.id, mode, count)

    def _run(self, scratch: Path, pair: str, mode: str, count: int) -> Prediction:
        out = scratch / "out"
        out.mkdir()
        values = {"case": str(scratch / "case"), "out": str(out), "seed": str(self.seed), "mode": mode}
        command = [_filled(word, values) for word in self.config.command]
        log = (self.logs or scratch) / f"{pair}.log"
        run_program(command, self.folder, self.config.timeout_s, log, pair)
        try:
            return read_folder(out, pair, count)
        except SuiteError as error:
            raise GenerationError(f"method {self.spec.name!r}: {error.message}", error.hint) from None

    def encode(self, source: Batch) -> dict[str, Tensor]:
        """The photo with its annotations; the program sees it when it runs."""
        return dict(source)

    def animate(self, state: Any, driving: Driving, options: AnimateOptions) -> Iterator[Tensor]:
        """All frames of one run of the program.

        Raises:
            GenerationError: as :meth:`predict`, or a frame is not there.
        """
        with tempfile.TemporaryDirectory(prefix="bench-command-") as folder:
            scratch = Path(folder)
            chunks = (_stack(chunk, self.spec.needs) for chunk in driving.chunks())
            count = write_case(scratch / "case", _stack(state, self.spec.needs), chunks)
            prediction = self._run(scratch, "animation", options.mode, count)
            for i, frame in enumerate(prediction.frames(int(state["rgb"].shape[-1]))):
                if frame is None:
                    raise GenerationError(f"method {self.spec.name!r} made no frame {i} of {count}")
                yield rgb_tensor(frame[0][None])


def _filled(word: str, values: Mapping[str, str]) -> str:
    for name in PLACEHOLDERS:
        word = word.replace(f"{{{name}}}", values[name])
    return str(Path(word).expanduser()) if word.startswith("~") else word


def _stack(batch: Mapping[str, Tensor], kinds: frozenset[str]) -> FrameStack:
    """A batch of tensors as the frames and annotations that it was made from."""
    return FrameStack(uint8_frames(batch["rgb"]), {kind: batch[kind].cpu().numpy() for kind in sorted(kinds)})
