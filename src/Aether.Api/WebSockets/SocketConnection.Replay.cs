using Aether.Application.Delivery;
using Aether.Application.History;
using Aether.Application.Wire;
using Aether.Domain;

namespace Aether.Api.WebSockets;

/// <summary>How a connection gets what it missed, ahead of what comes live: all of it in its delivery loop.</summary>
internal abstract partial class SocketConnection
{
    private Resumption? resumption;
    private bool reading;

    /// <summary>Has the connection, which is not open yet, go on from where this says.</summary>
    public void GoOnFrom(Resumption missed) => resumption = missed;

    /// <summary>Where it goes on from; none where nothing is kept.</summary>
    public ChannelPositions? Positions => resumption?.Positions;

    // Behind all frames that were put before the connection's places were looked at: those it need not get, and what
    // comes after them it has not got.
    private void OpenBehind(Resumption missed, TransportWriter transport, Frame? first) => _ = Loop.RunAfterAsync(() =>
    {
        OpenNow(transport, first, missed.Admits);
        NoteFlushing();
        GoOn(missed);
    }).AsTask();

    private void GoOn(Resumption missed)
    {
        while (!reading && output.WantsMissed)
        {
            var next = missed.NextAsync();
            if (!next.IsCompletedSuccessfully)
            {
                reading = true;
                _ = WaitAsync(missed, next.AsTask());
                return;
            }
            Send(missed, next.Result);
        }
    }

    private async Task WaitAsync(Resumption missed, Task<ReplayPage> next)
    {
        ReplayPage page;
        try
        {
            page = await next.ConfigureAwait(false);
        }
        catch (Exception fault)
        {
            Services.Logger.CommandFailed(fault.GetType().Name);
            page = ReplayPage.Broken;
        }
        Loop.Run(() =>
        {
            reading = false;
            Send(missed, page);
            GoOn(missed);
        });
    }

    private void Send(Resumption missed, ReplayPage page)
    {
        if (ReferenceEquals(page, ReplayPage.Broken))
        {
            // Never a part that is taken for the whole: the client comes back from where it got to, and is told.
            if (TryDecide(CloseReason.TooSlow))
                output.WriteLast(Frame.OfClose(CloseReason.TooSlow), dropWaiting: true);
            return;
        }
        var behind = missed.Advance(page);
        output.WriteMissed(behind is null ? page.Frames : [.. page.Frames, behind], page.IsLast);
        NoteFlushing();
        if (IsTraced)
        {
            foreach (var frame in page.Frames)
                TellSent(frame);
        }
        Forget(missed);
    }

    private bool Admits(Resumption missed, Frame frame)
    {
        bool admits = missed.Admits(frame);
        Forget(missed);
        return admits;
    }

    private void Forget(Resumption missed)
    {
        if (!output.IsHeldBack && missed.IsOver)
            resumption = null;
    }
}
