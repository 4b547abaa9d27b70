# The program of `make release` and nothing else. `make image` builds it; docs/operate.md says how to run it.
FROM scratch
ARG TARGETARCH
# The program, and an empty /data that belongs to who runs it.
COPY --chown=65532:65532 dist/image-${TARGETARCH}/ /
USER 65532:65532
ENV RESIDUAL_DATA_DIR=/data RESIDUAL_LISTEN=0.0.0.0:7181
VOLUME /data
EXPOSE 7181
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=1h CMD ["/residual", "health"]
ENTRYPOINT ["/residual"]
CMD ["serve"]
