#pragma warning disable CS1591,IDE0055
using System.Collections.Concurrent;
using Aether.Application.Ports;
using Aether.Domain;
using Microsoft.Extensions.DependencyInjection;
namespace Aether.Infrastructure;
public static class DependencyInjection {
  public static IServiceCollection AddAetherInfrastructure(this IServiceCollection s, string? c) => s.AddSingleton<IMessageBus, B>().AddSingleton<IPresenceStore, P>();
  sealed class B : IMessageBus {
    readonly ConcurrentDictionary<ChannelName, IMessageSink> sinks = new();
    public string Description => "memory"; public bool IsReady => true;
    public async ValueTask<PublishResult> PublishAsync(ChannelName channel, Message message, CancellationToken ct) {
      if (!sinks.TryGetValue(channel, out var s)) return PublishResult.To(0);
      await s.ReceiveAsync(channel, message, ct); return PublishResult.To(1); }
    public Task<bool> SubscribeAsync(ChannelName channel, IMessageSink sink, CancellationToken ct) { sinks[channel]=sink; return Task.FromResult(true); }
    public Task UnsubscribeAsync(ChannelName channel, CancellationToken ct) { sinks.TryRemove(channel, out _); return Task.CompletedTask; }
  }
  sealed class P : IPresenceStore {
    public bool IsReady => true;
    public Task<PresenceChange> JoinAsync(VisionId g, VisionId c, Role r, CancellationToken t) => Task.FromResult(new PresenceChange(PresenceTransition.None, null));
    public Task<PresenceChange> LeaveAsync(VisionId g, VisionId c, CancellationToken t) => Task.FromResult(new PresenceChange(PresenceTransition.None, null));
    public Task<PresenceChange> UpdateStateAsync(VisionId g, VisionId c, ReadOnlyMemory<byte> s, CancellationToken t) => Task.FromResult(default(PresenceChange));
    public void Touch(VisionId g, VisionId c) {}
    public Task<IReadOnlyList<Member>?> GetMembersAsync(VisionId g, CancellationToken t) => Task.FromResult<IReadOnlyList<Member>?>(null);
  }
}
