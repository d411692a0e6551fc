using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using Microsoft.CodeAnalysis;

namespace RlNotebooks.Engine;

/// <summary>Turns an exception into what a notebook shows: the cells' own frames, no machine paths, no frames of the engine.</summary>
internal static class ErrorReport
{
    private const int MostFrames = 30;

    public static CellError From(Exception exception, CellCode cell, string folder)
    {
        var error = exception switch
        {
            CellCompilationException e => FromDiagnostics(e.Errors, cell),
            UnsupportedDirectiveException e => new CellError("NotSupported", e.Message, [$"{cell.Name}, line {e.Line}: {e.Message}"], e.Line),
            _ => FromThrown(exception, cell),
        };
        return error with
        {
            Message = MachinePaths.Remove(error.Message, folder),
            Traceback = [.. error.Traceback.Select(l => MachinePaths.Remove(l, folder))],
        };
    }

    private static CellError FromDiagnostics(IReadOnlyList<Diagnostic> errors, CellCode cell)
    {
        var lines = errors.Take(MostFrames).Select(d =>
        {
            var at = d.Location.GetLineSpan().StartLinePosition;
            var where = d.Location.IsInSource ? $"{cell.Name}, line {at.Line + 1}, column {at.Character + 1}: " : "";
            return $"{where}error {d.Id}: {d.GetMessage(CultureInfo.InvariantCulture)}";
        }).ToArray();
        return new CellError("CompilationError", $"{errors[0].Id}: {errors[0].GetMessage(CultureInfo.InvariantCulture)}", lines,
            errors[0].Location.IsInSource ? errors[0].Location.GetLineSpan().StartLinePosition.Line + 1 : null);
    }

    private static CellError FromThrown(Exception exception, CellCode cell)
    {
        var shown = exception is TargetInvocationException { InnerException: { } inner } ? inner : exception;
        var lines = new List<string>();
        int? line = null;
        for (var e = shown; e is not null; e = e.InnerException)
        {
            lines.Add($"{(lines.Count > 0 ? "---> " : "")}{e.GetType().Name}: {e.Message}");
            var frames = new StackTrace(e, fNeedFileInfo: true).GetFrames();
            lines.AddRange(UpToTheCell(frames).Take(MostFrames).Select(Describe));
            line ??= frames.FirstOrDefault(f => Path.GetFileName(f.GetFileName()) == cell.Name)?.GetFileLineNumber();
        }

        return new CellError(shown.GetType().Name, shown.Message, lines, line);
    }

    private static IEnumerable<StackFrame> UpToTheCell(StackFrame[] frames)
    {
        var last = Array.FindLastIndex(frames, IsOfCell);
        // Of a chain of framework frames only the call that was made: the last before the next frame that is not the framework's.
        return frames.Take(last + 1).Where((f, i) => !IsOfFramework(f) || (!IsOfFramework(frames[i + 1]) && IsPublic(f)));
    }

    private static bool IsOfFramework(StackFrame frame) =>
        frame.GetMethod()?.DeclaringType is not { } type || Path.GetDirectoryName(type.Assembly.Location) == Path.GetDirectoryName(typeof(object).Assembly.Location);

    private static bool IsPublic(StackFrame frame) => frame.GetMethod() is { IsPublic: true, DeclaringType: { IsVisible: true, Namespace: not ("System.Runtime.CompilerServices" or "System.Runtime.ExceptionServices") } };

    private static bool IsOfCell(StackFrame frame) =>
        frame.GetMethod()?.DeclaringType?.FullName?.StartsWith("Submission#", StringComparison.Ordinal) == true;

    private static string Describe(StackFrame frame)
    {
        var method = frame.GetMethod()!;
        if (IsOfCell(frame))
        {
            var line = frame.GetFileLineNumber();
            var name = method.Name is "MoveNext" || method.Name.StartsWith('<') ? "" : $"{method.Name}() in ";
            return $"   at {name}{Path.GetFileName(frame.GetFileName()) ?? "an earlier cell"}{(line > 0 ? $", line {line}" : "")}";
        }

        return $"   at {method.DeclaringType!.FullName}.{method.Name}({string.Join(", ", method.GetParameters().Select(p => p.ParameterType.Name))})";
    }
}
