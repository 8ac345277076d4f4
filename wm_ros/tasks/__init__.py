"""The embedded robots: MuJoCo physics and a ray-cast camera that needs no OpenGL."""
