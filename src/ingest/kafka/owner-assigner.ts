/**
 * All partitions to one member: until Tocsin is scaled out, one process owns the shard, and so the
 * records of all of them (design §4.5). It is the member with the highest epoch, which is the one
 * that claimed the shard last; a former owner that still lives gets nothing.
 */

/** Name of the protocol: members with another assigner cannot join the same group by mistake. */
export const ASSIGNER_NAME = 'tocsin-owner'

export interface Member {
  readonly memberId: string
  readonly epoch: number
}

/** The member that gets everything; of equals the least id, so that all agree. */
export function ownerOf(members: readonly Member[]): string | undefined {
  let owner: Member | undefined
  for (const member of members) {
    const isHigher =
      owner === undefined ||
      member.epoch > owner.epoch ||
      (member.epoch === owner.epoch && member.memberId < owner.memberId)
    if (isHigher) owner = member
  }
  return owner?.memberId
}

export function encodeEpoch(epoch: number): Buffer {
  return Buffer.from(String(epoch))
}

/** 0 for what is no epoch: such a member is no owner while another one is there. */
export function decodeEpoch(bytes: Uint8Array | null | undefined): number {
  const epoch = Number(Buffer.from(bytes ?? []).toString())
  return Number.isSafeInteger(epoch) && epoch > 0 ? epoch : 0
}
