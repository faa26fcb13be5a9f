"""The folded network on a CPU: the same function as model/folded.py, written into arrays that are kept.

- Its blocks are those of model/blocks_in_place.py.
- Windows are dealt among threads in parts; nothing waits for another thread in between.
- The first block's merge is linear in both halves: for overlapping windows each frame has it done once.

Shapes: as in model/folded.py; N = B V windows and views, R = T N rows, time first.
"""
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch

from model.blocks_in_place import FORMS, REACH, Block, Layer, Space

SIZES = 8       # sizes of passes whose arrays are kept
FEW_ROWS = 200  # with fewer several threads wait for one another longer than they compute


@dataclass(frozen=True)
class Shared:
    """What overlapping windows have in common: rows (L V, ..) of all frames, windows `hop` frames apart."""
    x: torch.Tensor             # (L V, C)
    b: torch.Tensor             # (L V, C / 2)
    merged_a: torch.Tensor      # (L V, C), the first block's merge of what has yet to be mixed by the FPM
    merged_b: torch.Tensor      # (L V, C), that of the TPM's half, with the bias
    frames: int
    views: int
    step: int
    hop: int

    def pick(self, values, starts: list[int]):
        """The rows of each window that begins at `starts`, (L V, K) -> (T, B, V, K): a view."""
        row = values.stride(0)
        frame = self.views * row
        return values.as_strided((self.frames, len(starts), self.views, values.shape[1]),
                                 (self.step * frame, self.hop * frame, row, 1),
                                 values.storage_offset() + starts[0] * frame)


class InPlace:
    """A FoldedFTCM as it is now. One caller at a time; each answer is a new array."""

    def __init__(self, folded, form: str):
        library, _ = FORMS[form]
        self.answer, self.channels = folded.answer, len(folded.embed_bias)
        self.embed = Layer(folded.embed_weight, folded.embed_bias, library)
        self.blocks = [Block(block, form) for block in folded.blocks]
        merge = folded.blocks[0].merge
        weight_a, weight_b = merge.weight.chunk(2, 1)
        self.merge_a = Layer(weight_a, None, library, gelu=False)
        self.merge_b = Layer(weight_b, merge.bias, library, gelu=False)
        self.spaces: list[dict[tuple, Space]] = [{}]        # of each thread, by size

    def space(self, thread: int, *size: int) -> Space:
        """A thread's arrays for passes of this size (frames, windows, step)."""
        kept = self.spaces[thread]
        if size not in kept:
            if len(kept) == SIZES:
                kept.clear()
            frames, windows, *step = size
            kept[size] = Space(frames, windows, self.channels, *step)
        return kept[size]

    def forward(self, keypoints):
        """As FoldedFTCM.forward."""
        def lift(part, thread):
            frames = part.transpose(0, 1)                                                   # (T, B, J, 2)
            space = self.space(thread, *frames.shape[:2])
            self.embed.write(frames.reshape(len(space.x), -1), space.x)
            return self.pass_blocks(space, self.blocks)

        few = keypoints.shape[0] * keypoints.shape[1] < FEW_ROWS
        parts = [keypoints] if few else keypoints.chunk(torch.get_num_threads())
        return torch.cat(self.deal(lift, parts, few=few))

    def lift_sequence(self, sequence, index, step: int, at_once: int):
        """As FoldedFTCM.lift_sequence; each thread takes `at_once` windows at a time."""
        starts = index[0].tolist()
        shared = self.share(sequence, len(index), step, hop=starts[1] - starts[0] if len(starts) > 1 else 1)

        def lift(starts, thread):
            space = self.space(thread, len(index), len(starts) * shared.views)
            self.pass_first_block(shared, starts, space, thread)
            return self.pass_blocks(space, self.blocks[1:]).unflatten(0, (len(starts), shared.views))

        parts = [starts[first:first + at_once] for first in range(0, len(starts), at_once)]
        return torch.cat(self.deal(lift, parts))

    def pass_blocks(self, space: Space, blocks: list[Block]):
        """The answer to x behind these blocks."""
        for block in blocks:
            block(space)
        return self.answer(space.cube)

    def share(self, sequence, frames: int, step: int, hop: int) -> Shared:
        """What windows of `sequence` (L, V, J, 2) have in common."""
        length, views = sequence.shape[:2]
        first, space = self.blocks[0], self.space(0, length, views, step)
        self.embed.write(sequence.reshape(len(space.x), -1), space.x)
        first.split(space)
        first.gate(space)
        merged_a, merged_b = torch.empty(2, *space.x.shape)
        return Shared(space.x, space.b, self.merge_a.write(space.a, merged_a),
                      self.merge_b.write(space.local, merged_b), frames, views, step, hop)

    def pass_first_block(self, shared: Shared, starts: list[int], space: Space, thread: int) -> None:
        """The first block's output for the windows that begin at `starts`, in place of x."""
        space.cube.copy_(shared.pick(shared.merged_b, starts).flatten(1, 2))
        # Near a window's ends the gate sees zeros instead of the sequence's next frames.
        for end, seen in ((slice(REACH), slice(2 * REACH)), (slice(-REACH, None), slice(-2 * REACH, None))):
            b = shared.pick(shared.b, starts)[seen].flatten(1, 2)                           # (.., N, C / 2)
            near = self.space(thread, *b.shape[:2])
            near.b.view_as(b).copy_(b)
            self.blocks[0].gate(near)
            space.cube[end].copy_(self.merge_b(near.local, near.x).view_as(near.cube)[end])
        windows = shared.pick(shared.merged_a, starts).flatten(2).transpose(0, 1)           # (B, T, V C)
        mixing = self.blocks[0].mixing.expand(len(starts), -1, -1)                          # (B, T, T)
        space.x.view(shared.frames, len(starts), -1).transpose(0, 1).baddbmm_(mixing, windows)
        torch.ops.aten.gelu_(space.cube).add_(shared.pick(shared.x, starts).flatten(1, 2))

    def deal(self, work: Callable[[object, int], torch.Tensor], parts: list, *,
             few: bool = False) -> list[torch.Tensor]:
        """`work` of every part and its thread's number, by as many threads as PyTorch uses, each alone.

        A single part has all of them to itself unless its rows are `few`.
        """
        threads, inference = torch.get_num_threads(), torch.is_inference_mode_enabled()
        count = min(threads, len(parts))
        self.spaces += [{} for _ in range(count - len(self.spaces))]
        together = 1 if count > 1 or few else threads
        answers, left = [None] * len(parts), iter(range(len(parts)))

        def compute(thread):
            torch.set_num_threads(together)
            with torch.inference_mode(inference):
                for number in left:
                    answers[number] = work(parts[number], thread)

        try:
            with ThreadPoolExecutor(max(1, count - 1)) as pool:         # starts a thread for each task
                others = [pool.submit(compute, thread) for thread in range(1, count)]
                compute(0)
            for other in others:
                other.result()
        finally:
            torch.set_num_threads(threads)
        return answers
