/** Placeholder until the watermarks land. */
export class PartitionTracker {}
