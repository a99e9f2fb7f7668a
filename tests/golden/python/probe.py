"""Watches the standard deviation of branches: a branch of no size could be wrong without any golden noticing."""

import re

LEAST, MOST = 0.3, 3.0


class Probe:
    """Records the standard deviation of every module output whose name matches one of the patterns."""

    def __init__(self, title, module, patterns):
        self.title, self.patterns, self.seen = title, patterns, {}
        self.hooks = [
            child.register_forward_hook(self.hook(pattern, name))
            for pattern in patterns
            for name, child in module.named_modules()
            if re.search(pattern, name)
        ]

    def hook(self, pattern, name):
        def record(_module, _inputs, output):
            self.record(pattern, name, output[0] if isinstance(output, tuple) else output)

        return record

    def record(self, branch, name, value):
        """Enter one value by hand, for what is not a module's output."""
        value = getattr(value, "sample", value)
        self.seen.setdefault(branch, []).append((value.double().std().item(), name))

    def report(self, exempt=()):
        """Print the table, check its bounds (except for branches in `exempt`) and stop watching."""
        for hook in self.hooks:
            hook.remove()
        assert all(pattern in self.seen for pattern in self.patterns), (self.patterns, self.seen.keys())
        for branch, values in self.seen.items():
            (least, least_name), (most, most_name) = min(values), max(values)
            print(f"  std {self.title:12} {branch:44} {least:6.3f} .. {most:6.3f}  of {len(values)}")
            if branch not in exempt:
                assert LEAST <= least, (branch, least_name, least)
                assert most <= MOST, (branch, most_name, most)
