"""Portus: web, worker, first set-up; the two image generations behind one Protocol."""

from components.portus.bootstrap import Bootstrap
from components.portus.generation import Generation, generation
from components.portus.inputs import PortusSecrets
from components.portus.servers import PortusWeb, PortusWorker

__all__ = ["Bootstrap", "Generation", "PortusSecrets", "PortusWeb", "PortusWorker", "generation"]
