# The conventional way to an image, where base images can be pulled. `npm run image` makes the same without a registry.
FROM node:20-bookworm-slim AS build
WORKDIR /opt/quorate
COPY package.json package-lock.json .npmrc tsconfig.json tsconfig.build.json ./
COPY bin bin
COPY src src
RUN npm ci --include=dev && npm prune --omit=dev --ignore-scripts

FROM node:20-bookworm-slim
ENV NODE_ENV=production
COPY --from=build /opt/quorate/node_modules /opt/quorate/node_modules
COPY --from=build /opt/quorate/dist /opt/quorate/dist
COPY --from=build /opt/quorate/bin /opt/quorate/bin
COPY package.json LICENSE /opt/quorate/
EXPOSE 2379 2380 4001 7001
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "/opt/quorate/bin/quorate"]
