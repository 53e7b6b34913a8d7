package job

// Kill ends a run as kill -9 does: nothing more is written.
func (r *Run) Kill() { r.release() }
