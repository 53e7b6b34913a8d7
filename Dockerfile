# A static binary on an empty image: no shell, no package manager, not root.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# The build context has no .git, so the version comes from build arguments:
# docker build --build-arg VERSION=v1.2.3 --build-arg COMMIT=$(git rev-parse HEAD) …
ARG VERSION="" COMMIT="" DATE=""
RUN mkdir /out && VERSION="$VERSION" COMMIT="$COMMIT" DATE="$DATE" deploy/image-root.sh /out

FROM scratch
COPY --from=build /out/ /
USER 65532:65532
# Health and metrics listen on loopback until told otherwise: give
# PIANOLA_HTTP_LISTEN=0.0.0.0:8080 to reach them from outside of the container.
EXPOSE 8080
# Liveness only: an outage of Kafka or ClickHouse must not restart the consumer.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD ["/pianola", "health"]
ENTRYPOINT ["/pianola"]
CMD ["run"]
