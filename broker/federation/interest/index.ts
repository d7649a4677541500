export { FilterCover } from './filter-cover.ts';
export { FILTERS_MAX, type InterestFrame, interestFrameSchema } from './frame.ts';
export type { TopicRoute } from './interest-routes.ts';
export { type Application, InterestTable } from './interest-table.ts';
export { OwnInterest } from './own-interest.ts';
