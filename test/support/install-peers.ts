import { spawnSync } from 'node:child_process';
import { missingPackages } from './peers.ts';

/**
 * Installs the real programs that tests need, where that is allowed: as root, with Debian's package manager. Elsewhere the
 * tests that need them are skipped by name. LATTICE_TEST_INSTALL=0 leaves the machine as it is.
 */
export default function installPeers(): void {
  const packages = missingPackages();
  if (packages.length === 0 || process.env['LATTICE_TEST_INSTALL'] === '0') return;
  const isAllowed = process.getuid?.() === 0 && spawnSync('sh', ['-c', 'command -v apt-get']).status === 0;
  if (!isAllowed) return;
  process.stdout.write(`Installing what the tests drive Lattice with: ${packages.join(' ')} …\n`);
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = (): number | null =>
    spawnSync('apt-get', ['install', '--yes', '--quiet', '--no-install-recommends', ...packages], {
      stdio: 'ignore',
      env: environment,
    }).status;
  // A fresh machine has no list of packages yet.
  if (install() !== 0) {
    spawnSync('apt-get', ['update', '--quiet'], { stdio: 'ignore', env: environment });
    install();
  }
}
