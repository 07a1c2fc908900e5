import type { MessagePort } from 'node:worker_threads'

/** One end of an ordered, lossless channel between two parts of the process (design §4.5). */
export interface Port<Out, In> {
  /** `transfer`: buffers that move along instead of being copied, where threads lie between. */
  post(message: Out, transfer?: readonly ArrayBuffer[]): void
  /** Sets the one handler; messages that came before wait for it. */
  listen(handler: (message: In) => void): void
  close(): void
}

/** A port over a worker's message port: what travels is copied. */
export function workerPort<Out, In>(port: MessagePort): Port<Out, In> {
  return {
    post: (message, transfer = []) => port.postMessage(message, [...transfer]),
    listen: (handler) => void port.on('message', handler),
    close: () => port.close(),
  }
}

/**
 * Two ends joined within one thread: the same protocol by direct calls, each message after the
 * caller has returned, in order. Tests and the one-thread stand-in use it.
 */
export function localPair<A, B>(): readonly [Port<A, B>, Port<B, A>] {
  const toLeft = new LocalQueue<B>()
  const toRight = new LocalQueue<A>()
  return [localEnd(toRight, toLeft), localEnd(toLeft, toRight)]
}

function localEnd<Out, In>(out: LocalQueue<Out>, incoming: LocalQueue<In>): Port<Out, In> {
  return {
    post: (message) => out.push(message),
    listen: (handler) => incoming.listen(handler),
    close: () => incoming.close(),
  }
}

class LocalQueue<T> {
  #waiting: T[] = []
  #handler: ((message: T) => void) | undefined
  #isScheduled = false
  #isClosed = false

  push(message: T): void {
    if (this.#isClosed) return
    this.#waiting.push(message)
    this.#schedule()
  }

  listen(handler: (message: T) => void): void {
    this.#handler = handler
    this.#schedule()
  }

  close(): void {
    this.#isClosed = true
    this.#waiting = []
  }

  #schedule(): void {
    if (this.#isScheduled || this.#handler === undefined || this.#waiting.length === 0) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      const messages = this.#waiting
      this.#waiting = []
      for (const message of messages) this.#handler?.(message)
      this.#schedule()
    })
  }
}
