"""Forward and backward passes; on a GPU as a CUDA graph, since starting their kernels one by one takes longer than they do."""

import torch


class Passes:
    """Makes functions that compute a loss and its gradients: (plain error, gradients of `parameters`)."""

    def __init__(self, parameters, captured):
        self.parameters, self.captured = parameters, captured

    def _eager(self, losses):
        for parameter in self.parameters:
            parameter.grad = None
        loss, plain = losses()
        loss.backward()
        return plain, [parameter.grad for parameter in self.parameters]

    def of(self, losses):
        """`losses` returns the loss and the plain error, and must not wait for the device."""
        if not self.captured:
            return lambda: self._eager(losses)
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(3):
                self._eager(losses)
        torch.cuda.current_stream().wait_stream(aside)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            results = self._eager(losses)
        for parameter in self.parameters:
            parameter.grad = None

        def replay():
            graph.replay()
            return results

        return replay
