"""Portus: web, worker, first set-up; the two image families behind one Protocol."""

from components.portus.bootstrap import Bootstrap
from components.portus.image_family import ImageFamily, image_family
from components.portus.inputs import PortusSecrets
from components.portus.servers import PortusWeb, PortusWorker

__all__ = ["Bootstrap", "ImageFamily", "PortusSecrets", "PortusWeb", "PortusWorker", "image_family"]
