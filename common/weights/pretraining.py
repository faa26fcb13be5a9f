"""From a pre-training, which fills in keypoints (model/pstmo.py), to the lifter that begins with it."""
from inspect import signature
from pathlib import Path

from common.weights import building, checkpoint


def load(path: Path, networks: dict[str, type], *, train: bool, as_is: bool) -> dict:
    """The checkpoint in `path`; of a pre-training, unless `as_is`, that of a lifter which begins with it.

    `networks` are the classes by their names. Raises FileNotFoundError or ValueError, the latter also where a
    pre-training is not to `train` a lifter.
    """
    saved = checkpoint.load(path)
    network = networks[saved.get("network", "ftcm")]
    if as_is or not hasattr(network, "lifter"):
        return saved
    if not train:
        raise ValueError(f"{path} holds a pre-training, which gives no poses. Train a lifter that begins "
                         f"with it: --train 1 --network {network.lifter} --reload 1 --previous_dir {path}")
    building.build(network, saved, path)
    lifter = networks[network.lifter]
    model_args = {name: value for name, value in saved["model_args"].items()
                  if name in signature(lifter).parameters}
    taken = {name: value for name, value in saved["model"].items() if name.startswith(network.taken)}
    print(f"Taken over from the pre-training in {path}: the embedding and the temporal encoder, {len(taken)} "
          "tensors (encoder.* and Transformer.* in its authors' files). All others start afresh.")
    return saved | {"network": network.lifter, "model_args": model_args,
                    "model": lifter(**model_args).state_dict() | taken}
