#!/usr/bin/env python3
import unittest

from pairwise import all_pairs, pairs_of, pairwise

DIMENSIONS = {"a": ("1", "2", "3", "4", "5"), "b": ("1", "2", "3", "4"), "c": ("1", "2"), "d": ("1", "2"), "e": ("1",)}


class Pairwise(unittest.TestCase):
    def test_every_pair_of_values_occurs(self) -> None:
        covered = set().union(*(pairs_of(row) for row in pairwise(DIMENSIONS)))
        self.assertEqual(covered, all_pairs(DIMENSIONS))

    def test_rows_hold_one_value_of_each_dimension_in_the_given_order(self) -> None:
        for row in pairwise(DIMENSIONS):
            self.assertEqual(list(row), list(DIMENSIONS))
            self.assertTrue(all(value in DIMENSIONS[name] for name, value in row.items()))

    def test_the_list_is_far_shorter_than_the_full_product(self) -> None:
        self.assertLess(len(pairwise(DIMENSIONS)), 5 * 4 * 2 * 2 / 2)

    def test_the_same_dimensions_give_the_same_list(self) -> None:
        self.assertEqual(pairwise(DIMENSIONS), pairwise(dict(DIMENSIONS)))


if __name__ == "__main__":
    unittest.main()
