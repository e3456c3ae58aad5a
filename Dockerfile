# The server as an image. Build and run it:
#   docker build -t aether-realtime .
#   docker run --rm -p 8080:8080 aether-realtime
# Settings are environment variables, or a file /etc/aether/appsettings.json: mount the folder, not the file, so that a changed
# key is seen. deploy/README.md has both.

# The SDK of global.json.
ARG SDK=10.0.400
ARG RUNTIME=10.0

FROM mcr.microsoft.com/dotnet/sdk:${SDK} AS build
WORKDIR /source
# What is restored changes seldom, and this layer is kept until it does.
COPY global.json Directory.Build.props Directory.Packages.props ./
COPY src/Aether.Domain/Aether.Domain.csproj src/Aether.Domain/packages.lock.json src/Aether.Domain/
COPY src/Aether.Application/Aether.Application.csproj src/Aether.Application/packages.lock.json src/Aether.Application/
COPY src/Aether.Infrastructure/Aether.Infrastructure.csproj src/Aether.Infrastructure/packages.lock.json src/Aether.Infrastructure/
COPY src/Aether.Api/Aether.Api.csproj src/Aether.Api/packages.lock.json src/Aether.Api/
RUN dotnet restore src/Aether.Api/Aether.Api.csproj --locked-mode
COPY docs/ docs/
COPY clients/ clients/
COPY src/ src/
RUN dotnet publish src/Aether.Api/Aether.Api.csproj -c Release --no-restore -p:UseAppHost=false -o /image/app
# Empty until something is mounted there. A folder that is mounted without the file stops the start, instead of one without keys.
RUN mkdir -p /image/etc/aether && echo '{}' >/image/etc/aether/appsettings.json \
    && ln -s /etc/aether/appsettings.json /image/app/appsettings.Production.json

FROM mcr.microsoft.com/dotnet/aspnet:${RUNTIME}
WORKDIR /app
COPY --from=build /image/ /
# Listens on 8080, as the base image says in ASPNETCORE_HTTP_PORTS, and runs as its user without rights.
EXPOSE 8080
USER $APP_UID
# Whether it answers at all, not whether Redis does: restarting it for that would send every client away.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=6 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/${ASPNETCORE_HTTP_PORTS%%;*} && printf 'GET /health/live HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3 && read -r status <&3 && [[ $status == *' 200 '* ]]"]
ENTRYPOINT ["dotnet", "Aether.Api.dll"]
