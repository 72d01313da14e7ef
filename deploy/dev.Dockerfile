# The fleet straight from its sources, for `skaffold dev --profile dev`: a source that changes is copied into the pods, and Node starts anew.
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS manifests
WORKDIR /app
COPY . .
RUN find . -type f ! -name package.json ! -name package-lock.json ! -name .npmrc -delete

FROM ${NODE_IMAGE}
RUN install -d -o 10001 -g 10001 /app && ln -s /app/services/operate/bin/tradecore.mjs /usr/local/bin/tradecore
WORKDIR /app
USER 10001:10001
COPY --chown=10001:10001 --from=manifests /app ./
RUN HOME=/tmp npm ci --ignore-scripts --include-workspace-root --workspace libs --workspace services && rm -rf /tmp/.npm
COPY --chown=10001:10001 . .
# The chart starts what a build would have made.
RUN for source in services/*/src/*.ts; do \
      made=$(echo "${source}" | sed 's,/src/,/dist/,; s,ts$,js,'); \
      mkdir -p "$(dirname "${made}")" && echo "import '../src/$(basename "${source}")';" >"${made}"; \
    done
ENV NODE_ENV=production NODE_OPTIONS="--conditions=@tradecore/source --import=/app/typescript-hook.mjs"
ENTRYPOINT ["node", "--watch"]
