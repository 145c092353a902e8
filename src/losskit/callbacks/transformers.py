"""The callback for Hugging Face's Trainer."""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from losskit.callbacks.fit import Fit


class LosskitCallback(Fit, TrainerCallback):
    """Looks at the losses of ``trainer.train``, as :class:`losskit.callbacks.fit.Fit` tells; ``report`` has what was found."""

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: Any = None,
        optimizer: Any = None,
        **kwargs: Any,
    ) -> None:
        """Start, before the first batch."""
        self.start(model, optimizer, state.is_world_process_zero)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Show the report."""
        self.end()
