"""Callbacks that watch the losses of a training, one module for each library that trains; losskit itself needs none of them.

``losskit.callbacks.lightning``, ``losskit.callbacks.pytorch_lightning`` (the same library by its other name) and
``losskit.callbacks.transformers`` (Hugging Face's Trainer) have a ``LosskitCallback`` each.
"""
