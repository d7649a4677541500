import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire, stripTypeScriptTypes } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A file of the page, ready to send. */
export interface Asset {
  body: string;
  contentType: string;
  etag: string;
}

const WEB_DIR = fileURLToPath(new URL('../web/', import.meta.url));
const METRICS_FILE = fileURLToPath(new URL('../../../core/wire/metrics.ts', import.meta.url));

const CONTENT_TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.ts': 'text/javascript; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/**
 * Reads the whole page into memory, by URL path. TypeScript loses its types here, once, so the browser gets plain modules
 * without a build step; nothing but these paths can be asked for, so no path can lead out of the folder.
 */
export function loadAssets(): Map<string, Asset> {
  const assets = new Map<string, Asset>();
  for (const name of readdirSync(WEB_DIR)) {
    if (extname(name) in CONTENT_TYPES) assets.set(`/${name}`, readAsset(join(WEB_DIR, name)));
  }
  // The page shows units out of the one metric table.
  assets.set('/core/wire/metrics.ts', readAsset(METRICS_FILE));
  const uplot = dirname(createRequire(import.meta.url).resolve('uplot'));
  assets.set('/vendor/uplot.js', readAsset(join(uplot, 'uPlot.esm.js')));
  assets.set('/vendor/uplot.css', readAsset(join(uplot, 'uPlot.min.css')));
  return assets;
}

/** The hashes of a page's inline scripts (its import map), for the Content-Security-Policy. */
export function inlineScriptHashes(html: string): string[] {
  return [...html.matchAll(/<script type="importmap">(.*?)<\/script>/gs)].map(
    ([, text]) =>
      `'sha256-${createHash('sha256')
        .update(text ?? '')
        .digest('base64')}'`,
  );
}

function readAsset(file: string): Asset {
  const text = readFileSync(file, 'utf8');
  const body = extname(file) === '.ts' ? stripTypeScriptTypes(text) : text;
  const contentType = CONTENT_TYPES[extname(file)] ?? 'application/octet-stream';
  return { body, contentType, etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 16)}"` };
}
