# syntax=docker/dockerfile:1
# Builds the service with plain tsc and ships it without development packages.
# Run it with a read-only root: only /var/lib/tocsin (data) is written.
#   docker run --read-only --tmpfs /tmp -v tocsin-data:/var/lib/tocsin \
#     -v ./tocsin.yaml:/etc/tocsin/tocsin.yaml:ro -v ./rules:/etc/tocsin/rules:ro tocsin

FROM node:24-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
# tsc leaves the page's style sheet behind.
RUN node_modules/.bin/tsc -p tsconfig.build.json && cp src/http/style.css dist/http/

FROM node:24-slim AS packages
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --omit=dev

FROM node:24-slim
LABEL org.opencontainers.image.title="tocsin" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV NODE_ENV=production
WORKDIR /opt/tocsin
COPY --from=packages /build/node_modules ./node_modules
COPY --from=build /build/dist ./dist
COPY package.json LICENSE ./
RUN mkdir -p /var/lib/tocsin /etc/tocsin && chown node:node /var/lib/tocsin
USER node
VOLUME ["/var/lib/tocsin"]
EXPOSE 8080 12201/tcp 12201/udp
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.TOCSIN_PORT ?? 8080}/health/live`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "dist/main.js"]
CMD ["serve", "--config", "/etc/tocsin/tocsin.yaml"]
