"""Shapley values and interactions of games of chance, against their definitions over orders and subsets."""

from itertools import combinations, permutations
from math import factorial

import numpy as np
import pytest

from sabotage.shapley import exact_game, sampled_game


def values_of(game, worth):
    """Shapley values, leave-one-out, interactions by pair, and everybody, of worths (2^M,) by subset."""
    n = int(game.masks[-1]).bit_length()
    found = worth[game.masks] @ game.sums / game.divisors
    return found[:n], found[n : 2 * n], dict(zip(game.pairs, found[2 * n : -1], strict=True)), found[-1]


def over_orders(worth, n):
    """The mean over all orders of what each player adds to those before it."""
    gains = np.zeros(n)
    for order in permutations(range(n)):
        before = 0
        for player in order:
            gains[player] += worth[before | 1 << player] - worth[before]
            before |= 1 << player
    return gains / factorial(n)


def interaction(worth, n, i, j):
    """The sum over subsets S of the others of |S|! (M - |S| - 2)! / (M - 1)! times the second difference."""
    total = 0.0
    others = [k for k in range(n) if k not in (i, j)]
    for size in range(n - 1):
        for chosen in combinations(others, size):
            s = sum(1 << k for k in chosen)
            second = worth[s | 1 << i | 1 << j] - worth[s | 1 << i] - worth[s | 1 << j] + worth[s]
            total += factorial(size) * factorial(n - size - 2) / factorial(n - 1) * second
    return total


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6])
def test_values_are_those_of_the_definitions(n):
    worth = np.random.default_rng(n).normal(size=1 << n)
    shapley, left, pairs, everybody = values_of(exact_game(n), worth)
    np.testing.assert_allclose(shapley, over_orders(worth, n), atol=1e-12)
    np.testing.assert_allclose(left, [worth[-1] - worth[(1 << n) - 1 - (1 << m)] for m in range(n)], atol=1e-12)
    assert set(pairs) == set(combinations(range(n), 2))
    for (i, j), found in pairs.items():
        assert found == pytest.approx(interaction(worth, n, i, j), abs=1e-12)
    assert everybody == worth[-1]


@pytest.mark.parametrize("team", [(0, 1), (1, 3, 4), (0, 2, 5, 11)])
def test_a_team_that_wins_together_shares_alike(team):
    # The game that only a whole team wins has 1 / |T| for each, and 1 / (|T| - 1) for each pair of it.
    n = 12
    bits = sum(1 << k for k in team)
    worth = ((np.arange(1 << n) & bits) == bits).astype(float)
    shapley, left, pairs, _ = values_of(exact_game(n), worth)
    member = np.isin(np.arange(n), team)
    np.testing.assert_array_equal(shapley, member / len(team))
    np.testing.assert_array_equal(left, member.astype(float))
    for (i, j), found in pairs.items():
        assert found == (1 / (len(team) - 1) if member[i] and member[j] else 0.0)


def test_sums_of_hits_are_exact_in_any_order():
    for game in (exact_game(12), sampled_game(20, 200, 0)):
        assert (game.sums == np.round(game.sums)).all()
        assert np.abs(game.sums).sum(axis=0).max() < 2**53


def test_sampled_orders_lead_to_everybody_and_back():
    game = sampled_game(40, 10, 3)
    worth = np.random.default_rng(0).normal(size=len(game.masks))
    shapley = (worth @ game.sums / game.divisors)[:40]
    assert shapley.sum() == pytest.approx(worth[-1] - worth[0], abs=1e-12)
    size = np.array([int(mask).bit_count() for mask in game.masks])
    np.testing.assert_array_equal(size[game.after], size[game.before] + 1)
    np.testing.assert_array_equal(size[game.before[0::2]] + size[game.before[1::2]], 39)  # reverses of each other
    assert len(np.unique(game.masks)) == len(game.masks)
    assert (np.diff(game.masks) > 0).all()


def test_sampled_values_and_their_error():
    n, worth = 6, np.random.default_rng(7).normal(size=64)
    exact = values_of(exact_game(n), worth)[0]
    found, errors = [], []
    for seed in range(150):
        game = sampled_game(n, 20, seed)
        found.append(values_of(game, worth)[0])
        errors.append(game.monte_carlo_error(worth[None, game.masks])[0])
    spread = np.std(found, axis=0)
    np.testing.assert_allclose(np.sqrt(np.mean(np.square(errors), axis=0)), spread, rtol=0.25)
    assert (np.abs(np.mean(found, axis=0) - exact) < 4 * spread / 150**0.5).all()
