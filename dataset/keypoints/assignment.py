"""Who goes with whom: pairs of the least cost in all."""
import numpy as np

MOST = 60           # in a group; in larger ones the cheapest pairs are taken one after the other


def assign(links: list[tuple[int, int, float]]) -> list[tuple[int, int]]:
    """The pairs (a, b) of `links` (a, b, cost) with the least sum of costs, each a and each b at most once.

    A pair is made only where its cost is below 0.
    """
    pairs = []
    for group in groups(links):
        left, right = sorted({a for a, _, _ in group}), sorted({b for _, b, _ in group})
        if max(len(left), len(right)) > MOST:
            pairs += take_cheapest(group)
            continue
        side = len(left) + len(right)                   # everybody may stay alone, at no cost
        cost = np.zeros((side, side))
        for a, b, value in group:
            cost[left.index(a), right.index(b)] = min(value, 0)
        chosen = cheapest_columns(cost)
        known = {(a, b) for a, b, value in group if value < 0}
        pairs += [(a, right[column]) for a, column in zip(left, chosen)
                  if column < len(right) and (a, right[column]) in known]
    return pairs


def groups(links: list[tuple[int, int, float]]) -> list[list[tuple[int, int, float]]]:
    """The links in groups that share nobody."""
    parent: dict[tuple[str, int], tuple[str, int]] = {}

    def find(node):
        while parent.setdefault(node, node) != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for a, b, _ in links:
        parent[find(("a", a))] = find(("b", b))
    found: dict[tuple[str, int], list] = {}
    for link in links:
        found.setdefault(find(("a", link[0])), []).append(link)
    return list(found.values())


def take_cheapest(links: list[tuple[int, int, float]]) -> list[tuple[int, int]]:
    """Pairs of `links`, the cheapest first, as long as both are still alone."""
    pairs, taken = [], set()
    for a, b, value in sorted(links, key=lambda link: link[2]):
        if value < 0 and ("a", a) not in taken and ("b", b) not in taken:
            taken |= {("a", a), ("b", b)}
            pairs.append((a, b))
    return pairs


def cheapest_columns(cost: np.ndarray) -> list[int]:
    """The column of each row of `cost` (n, n), each once, with the least sum.

    The Hungarian method: rows join one by one, each along the shortest path of changes (Kuhn 1955; Jonker and
    Volgenant 1987).
    """
    count = len(cost)
    row_price, column_price = np.zeros(count), np.zeros(count + 1)
    row_of = np.full(count + 1, -1)                     # the row of each column; the last holds the new one
    for row in range(count):
        row_of[count], column = row, count
        shortest, origin = np.full(count, np.inf), np.full(count, count)
        visited = np.zeros(count + 1, bool)
        while row_of[column] >= 0:
            visited[column] = True
            current = row_of[column]
            length = cost[current] - row_price[current] - column_price[:count]
            better = ~visited[:count] & (length < shortest)
            shortest[better], origin[better] = length[better], column
            free = np.where(visited[:count], np.inf, shortest)
            following = int(free.argmin())
            step = free[following]
            row_price[row_of[visited]] += step
            column_price[visited] -= step
            shortest[~visited[:count]] -= step
            column = following
        while column != count:
            row_of[column] = row_of[origin[column]]
            column = origin[column]
    columns = [0] * count
    for column, row in enumerate(row_of[:count].tolist()):
        columns[row] = column
    return columns
