"""Live audio: a source goes onto the disk, and from there through the stages, while the screen looks on.

The pipeline follows what is stored. So nothing waits in memory however far it is behind, engines can be changed while
the capture goes on, stopping works off what is left, and a session that was killed is finished in the same way.
"""

from workbench.live.live import Live
from workbench.live.status import LivePhase, LiveStatus, Source, StageStatus

__all__ = ["Live", "LivePhase", "LiveStatus", "Source", "StageStatus"]
