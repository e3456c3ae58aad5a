using System.Text;
using Aether.Application.Ports;
using Aether.Domain;
using Aether.Domain.Commands;

namespace Aether.Tests.Unit.Commands;

/// <summary>A command that all its members have carried out, with long results.</summary>
internal static class EndedCommand
{
    /// <summary>Has a store keep one.</summary>
    /// <param name="store">The store.</param>
    /// <param name="group">The group.</param>
    /// <param name="id">The command.</param>
    /// <param name="members">How many members it has: m0, m1 and so on.</param>
    /// <param name="resultBytes">How long about the result of each is.</param>
    /// <param name="isLastGood">Whether the last one has succeeded, as the others have.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async Task KeepAsync(
        ICommandStore store, VisionId group, string id, int members, int resultBytes, bool isLastGood,
        CancellationToken cancellationToken)
    {
        var order = new CommandOrder
        {
            Id = id,
            GroupId = group,
            FromId = VisionId.Parse("boss"),
            Cmd = "work",
            Payload = "{}"u8.ToArray(),
            Plan = new CommandPlan(),
        };
        VisionId[] all = [.. Enumerable.Range(0, members).Select(static i => VisionId.Parse("m" + i))];
        await store.StartAsync(order, all, cancellationToken);
        byte[] result = Encoding.UTF8.GetBytes($"{{\"x\":\"{new string('x', resultBytes)}\"}}");
        for (int i = 0; i < members; i++)
        {
            var report = new ExecutionReport
            {
                Index = i,
                Member = all[i],
                By = "i1/w",
                Attempt = 1,
                Status = i < members - 1 || isLastGood ? ExecutionStatus.Succeeded : ExecutionStatus.Failed,
                Result = result,
            };
            await store.ApplyAsync(group, id, new MemberReported(report), cancellationToken);
        }
    }
}
