/** Where the parts of a mesh stand on the map; pure geometry, in CSS pixels. */

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface MapLayout {
  width: number;
  height: number;
  /** Left to right, or top to bottom on a phone. */
  isWide: boolean;
  devices: Box;
  brokers: Box[];
  hub: { x: number; y: number };
  gateways: Box[];
  store: Box;
}

const WIDE_FROM = 720;
const NODE_HEIGHT = 70;
/** Of a gateway that says how its clock goes: a line more. */
const CLOCK_NODE_HEIGHT = 86;
const NODE_WIDTH_MAX = 250;
const COLUMN_GAP_MIN = 70;
const ROW_GAP = 12;
/** Between brokers stands the label of their link. */
const LINK_GAP = 40;
const PHONE_ROW_GAP = 34;
const PHONE_LINK_GAP = 60;
const PHONE_NODE_MIN = 104;
const PHONE_GAP = 10;

/** `hasClocks`: the gateways say how their clocks go. */
export function layoutMap(width: number, brokers: number, gateways: number, hasClocks: boolean): MapLayout {
  const gatewayHeight = hasClocks ? CLOCK_NODE_HEIGHT : NODE_HEIGHT;
  return (width >= WIDE_FROM ? wide : narrow)(width, brokers, gateways, gatewayHeight);
}

function wide(width: number, brokers: number, gateways: number, gatewayHeight: number): MapLayout {
  const nodeWidth = Math.min(NODE_WIDTH_MAX, (width - 3 * COLUMN_GAP_MIN - 40) / 4);
  const gap = (width - 4 * nodeWidth) / 3.4;
  const columnX = [0, nodeWidth + gap, 2 * nodeWidth + 2.4 * gap, 3 * nodeWidth + 3.4 * gap];
  const columnHeight = (count: number, rowGap: number, nodeHeight = NODE_HEIGHT): number =>
    count * nodeHeight + (count - 1) * rowGap;
  const gatewaysHeight = columnHeight(gateways, ROW_GAP, gatewayHeight);
  const height = Math.max(columnHeight(brokers, LINK_GAP), gatewaysHeight, NODE_HEIGHT) + 4;
  const column = (index: number, count: number, rowGap: number, nodeHeight = NODE_HEIGHT): Box[] =>
    Array.from({ length: count }, (_, row) => ({
      x: columnX[index] as number,
      y: (height - columnHeight(count, rowGap, nodeHeight)) / 2 + row * (nodeHeight + rowGap),
      width: nodeWidth,
      height: nodeHeight,
    }));
  return {
    width,
    height,
    isWide: true,
    devices: column(0, 1, 0)[0] as Box,
    brokers: column(1, brokers, LINK_GAP),
    hub: { x: 2 * nodeWidth + 1.7 * gap, y: height / 2 },
    gateways: column(2, gateways, ROW_GAP, gatewayHeight),
    store: column(3, 1, 0)[0] as Box,
  };
}

function narrow(width: number, brokers: number, gateways: number, gatewayHeight: number): MapLayout {
  let y = 2;
  const full = (): Box => ({ x: 0, y, width, height: NODE_HEIGHT });
  const rows = (count: number, columnGap: number, nodeHeight = NODE_HEIGHT): Box[] => {
    const perRow = Math.max(1, Math.min(count, Math.floor((width + columnGap) / (PHONE_NODE_MIN + columnGap))));
    const boxes: Box[] = [];
    for (let index = 0; index < count; index++) {
      const inRow = Math.min(perRow, count - Math.floor(index / perRow) * perRow);
      const nodeWidth = (width - (inRow - 1) * columnGap) / inRow;
      const column = index % perRow;
      if (index > 0 && column === 0) y += nodeHeight + ROW_GAP;
      boxes.push({ x: column * (nodeWidth + columnGap), y, width: nodeWidth, height: nodeHeight });
    }
    y += nodeHeight + PHONE_ROW_GAP;
    return boxes;
  };
  const devices = full();
  y += NODE_HEIGHT + PHONE_ROW_GAP;
  const brokerBoxes = rows(brokers, PHONE_LINK_GAP);
  const hub = { x: width / 2, y };
  y += gateways === 0 ? 0 : PHONE_ROW_GAP;
  const gatewayBoxes = gateways === 0 ? [] : rows(gateways, PHONE_GAP, gatewayHeight);
  const store = full();
  return {
    width,
    height: y + NODE_HEIGHT + 2,
    isWide: false,
    devices,
    brokers: brokerBoxes,
    hub,
    gateways: gatewayBoxes,
    store,
  };
}

interface Spot {
  x: number;
  y: number;
}

/** Where lines leave a box and where they arrive. */
export function exitOf(box: Box, isWide: boolean): Spot {
  return isWide
    ? { x: box.x + box.width, y: box.y + box.height / 2 }
    : { x: box.x + box.width / 2, y: box.y + box.height };
}

export function entryOf(box: Box, isWide: boolean): Spot {
  return isWide ? { x: box.x, y: box.y + box.height / 2 } : { x: box.x + box.width / 2, y: box.y };
}

/** A soft curve that leaves and arrives along the map's direction. */
export function curve(from: Spot, to: Spot, isWide: boolean): string {
  const bendX = isWide ? (to.x - from.x) / 2 : 0;
  const bendY = isWide ? 0 : (to.y - from.y) / 2;
  return `M${from.x},${from.y} C${from.x + bendX},${from.y + bendY} ${to.x - bendX},${to.y - bendY} ${to.x},${to.y}`;
}

const LABEL_LINE_HEIGHT = 14;
/** On a phone the second line stands below the link, the first above it. */
const PHONE_LABEL_LINE_HEIGHT = 23;

/** The line between two brokers, and where the two lines of its label stand; those that are no neighbours are joined by a bow. */
export function linkPath(
  a: Box,
  b: Box,
  isWide: boolean,
): { path: string; label: Spot & { anchor: string; lineHeight: number } } {
  const from = { x: a.x + a.width / 2, y: a.y + a.height / 2 };
  const to = { x: b.x + b.width / 2, y: b.y + b.height / 2 };
  const middle = { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 };
  const areNeighbours = isWide
    ? Math.abs(to.y - from.y) <= NODE_HEIGHT + LINK_GAP + 1
    : from.y === to.y && Math.abs(to.x - from.x) <= a.width + PHONE_LINK_GAP + 1;
  if (areNeighbours) {
    const label = isWide
      ? { x: middle.x + 10, y: middle.y - 3, anchor: 'start', lineHeight: LABEL_LINE_HEIGHT }
      : { x: middle.x, y: middle.y - 7, anchor: 'middle', lineHeight: PHONE_LABEL_LINE_HEIGHT };
    return { path: `M${from.x},${from.y} L${to.x},${to.y}`, label };
  }
  const bow = isWide ? { x: a.x - 34, y: middle.y } : { x: middle.x, y: Math.max(a.y, b.y) + a.height + 24 };
  return {
    path: isWide
      ? `M${a.x + 8},${from.y} Q${bow.x},${bow.y} ${b.x + 8},${to.y}`
      : `M${from.x},${from.y} Q${bow.x},${bow.y} ${to.x},${to.y}`,
    label: { ...bow, anchor: 'middle', lineHeight: LABEL_LINE_HEIGHT },
  };
}
