/** Kills a server when this process ends before it, however that comes about; returns what takes that back. */
export function endWithParent(pid: number): () => void {
  const kill = (): void => {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  };
  // Before other listeners, which remove the folders that it writes to.
  process.prependListener('exit', kill);
  return () => process.removeListener('exit', kill);
}
