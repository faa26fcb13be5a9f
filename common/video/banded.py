"""Least squares over time, where every term joins at most three frames that follow each other.

Shapes: N frames, n unknowns a frame, G unknowns that all frames share, m residuals a frame. The normal
equations are banded with a border; they are solved in time and memory linear in N.
"""
import numpy as np

VALUE, STEP, BEND = (1,), (-1, 1), (1, -2, 1)       # kernels: a residual itself, its first, second difference


class Banded:
    """The sum of squares of all terms added, as a function of changes of the unknowns, (N, n) and (G,)."""

    def __init__(self, num_frames: int, num_unknowns: int, num_shared: int = 0):
        self.blocks = [np.zeros((num_frames, num_unknowns, num_unknowns)) for _ in range(3)]
        self.gradient = np.zeros((num_frames, num_unknowns))
        self.border = np.zeros((num_frames, num_unknowns, num_shared))
        self.corner, self.corner_gradient = np.zeros((num_shared, num_shared)), np.zeros(num_shared)

    def add(self, rows: np.ndarray, residual: np.ndarray, kernel: tuple[int, ...] = VALUE, weight=1.0,
            shared: np.ndarray | None = None, columns: slice = slice(None)):
        """Add weight * (kernel applied over time to residual + rows @ change + shared @ shared_change)^2.

        `rows` (N, m, n), or of the unknowns in `columns` alone; `residual` (N, m), `shared` (N, m, G);
        `weight` is a number or (M, 1 or m), one for each of the M = N - len(kernel) + 1 groups of frames.
        """
        count = len(residual) - len(kernel) + 1
        if count < 1:
            return
        weight = np.broadcast_to(weight, (count, residual.shape[1]))[:, None]           # (M, 1, m)

        def over_time(values):
            return sum(factor * values[shift:shift + count] for shift, factor in enumerate(kernel))

        combined = over_time(residual)[..., None]                                       # (M, m, 1)
        if shared is not None:
            shared = over_time(shared)                                                  # (M, m, G)
            turned = shared.swapaxes(1, 2) * weight
            self.corner += (turned @ shared).sum(0)
            self.corner_gradient += (turned @ combined).sum(0)[:, 0]
        for first, factor in enumerate(kernel):
            part = slice(first, first + count)
            turned = rows[part].swapaxes(1, 2) * (weight * factor)                      # (M, n, m)
            self.gradient[part, columns] += (turned @ combined)[..., 0]
            if shared is not None:
                self.border[part, columns] += turned @ shared
            for second in range(first, len(kernel)):
                self.blocks[second - first][part, columns, columns] += (
                    turned @ (kernel[second] * rows[second:second + count]))

    def add_shared(self, rows: np.ndarray, residual: np.ndarray):
        """Add (residual + rows @ shared_change)^2; `rows` (m, G), `residual` (m,)."""
        self.corner += rows.T @ rows
        self.corner_gradient += rows.T @ residual

    def solve(self, damping: float) -> tuple[np.ndarray, np.ndarray]:
        """The changes (N, n) and (G,) that make the sum least; `damping` is added to the diagonal."""
        frames, size = self.gradient.shape
        diagonal, next_one, next_two = self.blocks
        pairs, half = -(-frames // 2), frames // 2
        main = np.tile(np.eye(2 * size), (pairs, 1, 1))             # two frames together are one block
        upper = np.zeros((pairs, 2 * size, 2 * size))
        sides = np.concatenate([-self.gradient[..., None], self.border], axis=2)    # (N, n, 1 + G)
        right = np.zeros((2 * pairs, size, sides.shape[2]))
        right[:frames] = sides
        even, odd = slice(0, size), slice(size, 2 * size)
        main[:, even, even] = diagonal[0::2] + damping * np.eye(size)
        main[:half, odd, odd] = diagonal[1::2] + damping * np.eye(size)
        main[:half, even, odd] = next_one[0::2][:half]
        main[:, odd, even] = main[:, even, odd].swapaxes(1, 2)
        upper[:, even, even] = next_two[0::2]
        upper[:half, odd, even] = next_one[1::2]
        upper[:half, odd, odd] = next_two[1::2]
        found = solve_chain(main, upper, right.reshape(pairs, 2 * size, -1)).reshape(2 * pairs, size, -1)
        change, spread = found[:frames, :, 0], found[:frames, :, 1:]
        if not len(self.corner):
            return change, self.corner_gradient
        left = self.corner - np.einsum("tng,tnh->gh", self.border, spread)
        known = -self.corner_gradient - np.einsum("tng,tn->g", self.border, change)
        shared = np.linalg.solve(left, known)
        return change - spread @ shared, shared


def solve_chain(main: np.ndarray, upper: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The solution (M, k, s) of a symmetric block tridiagonal system with s right sides: block elimination.

    `main` (M, k, k) lies on the diagonal, `upper` (M, k, k) right of it (its last block is not used), `right`
    (M, k, s) holds the right sides.
    """
    count, size, _ = right.shape
    reduced, known = np.empty((count, size, size)), np.empty_like(right)
    block, value = main[0], right[0]
    for number in range(count):
        answer = np.linalg.solve(block, np.concatenate([upper[number], value], axis=1))
        reduced[number], known[number] = answer[:, :size], answer[:, size:]
        if number + 1 < count:
            block = main[number + 1] - upper[number].T @ reduced[number]
            value = right[number + 1] - upper[number].T @ known[number]
    for number in range(count - 2, -1, -1):
        known[number] -= reduced[number] @ known[number + 1]
    return known
