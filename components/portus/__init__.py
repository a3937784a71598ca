"""Portus: web, worker, first set-up; the two image families behind one Protocol."""

from components.portus.bootstrap import set_up
from components.portus.image_family import image_family
from components.portus.servers import PortusWeb, start_worker

__all__ = ["PortusWeb", "image_family", "set_up", "start_worker"]
